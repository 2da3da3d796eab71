"""The transfer matrices that are shipped: files of `paretoseg transfer`, named after their data."""
