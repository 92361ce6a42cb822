"""What one job of the workflow needs: configuration, identity, process settings, the HDF5 store, the cache."""
