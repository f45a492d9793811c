"""SentencePiece tokenizers: use, training, and the bytes that a token stands for."""
