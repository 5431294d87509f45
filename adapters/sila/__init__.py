"""SiLA 2: features for running experiments and reporting measurements, a connection to a server, and a server."""
