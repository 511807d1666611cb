"""What all tests share: nothing that was compiled before."""

import os

os.environ["CNNC_CACHE_DIR"] = ""  # so that every test compiles; those of the cache have one of their own
