"""Records, failures and arrays of runs, and the store that keeps them."""
