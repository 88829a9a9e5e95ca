"""What data sets are made of: archives, pictures, tables and pickles, none of which is taken at its word."""
