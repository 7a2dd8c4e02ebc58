"""What stands in for systems that no registry has: emulators of what their documents say they answer.

What only an emulator showed is never called working on the real system. Each answer says where it is from.
"""
