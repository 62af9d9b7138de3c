"""Code that tests share: no test module imports another, all of them import from here."""
