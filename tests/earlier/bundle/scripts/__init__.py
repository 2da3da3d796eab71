"""The network and how it is applied; needs torch and MONAI."""
