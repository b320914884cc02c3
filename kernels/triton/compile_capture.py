"""Takes Triton's results out of its hands before it writes them to a cache folder. Needs Triton."""

import json

from triton.runtime.cache import CacheManager

ENVIRONMENT = f"{__name__}:CompileCapture"


class Compiled(BaseException):
    """Ends a compilation once everything is there: `cubin` (bytes) and Triton's `metadata` (dict). Not an Exception, so
    that nothing on the way takes it for a failure."""

    def __init__(self, cubin, metadata):
        super().__init__()
        self.cubin = cubin
        self.metadata = metadata


class CompileCapture(CacheManager):
    """A cache of Triton that finds nothing and keeps nothing on disk. Triton reads what it has stored back from files
    to make an object for launching; nobody launches here, so the compilation ends where it would do that."""

    def __init__(self, key, override=False, dump=False):
        super().__init__(key)
        self._cubin = None
        self._metadata = None

    def get_file(self, filename):
        return None

    def has_file(self, filename):
        return False

    def get_group(self, filename):
        return None

    def put(self, data, filename, binary=True):
        if filename.endswith(".cubin"):
            self._cubin = data
        elif filename.endswith(".json"):
            self._metadata = json.loads(data)
        return filename

    def put_group(self, filename, group):
        if self._cubin is not None and self._metadata is not None:
            raise Compiled(self._cubin, self._metadata)
