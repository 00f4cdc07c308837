"""What the cluster is doing: snapshots, and the sampler that takes them."""
