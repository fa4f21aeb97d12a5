"""The node's actors: the kernel they run on, and one module or sub-package for each kind of worker."""
