"""The clients of fixtures/ are loaded by the installed plugin ``gonogo``; nothing else is needed here."""
