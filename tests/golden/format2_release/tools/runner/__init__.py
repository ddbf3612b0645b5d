"""What measures builds: used by compress on this machine, and copied to boards as the package ``compress_runner``.

So it is Python 3.8, imports nothing of compress, and needs numpy and the runtime of the builds only.
"""
