"""One module per verb. ``run`` takes what the command line says, prints, and returns the exit code.

A verb ends with 0 or with what ``Code.of`` makes of the outcomes that it saw; an error that it does not catch is told
and given its code by :mod:`gonogo.cli`, the same for all. ``attach`` and ``discover`` are the ways of ``endpoints``;
``asking`` and ``judging`` are what ``explain`` reads; ``checkout``, ``stored`` and ``tables`` are what verbs work on
and print.
"""
