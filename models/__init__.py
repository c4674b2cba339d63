"""What is normal: online models that take numbers and give numbers.

No clock, no idea what an employee is. Keyed baselines hold many rows, each in a peer group, all in
one organisation; multivariate models follow river (`learn_one`, `score_one`) with `learn_many` and
`score_many` on arrays. What was trained in batches beside the stream comes as one signed file (`models/bundles/`).
"""
