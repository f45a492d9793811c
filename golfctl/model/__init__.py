"""The network: small components with typed config, declared weights, roles and init; names; the incremental forward."""
