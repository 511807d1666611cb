"""The pages of `cnnc explain`, one a code; `cnnc.catalogue` reads them."""
