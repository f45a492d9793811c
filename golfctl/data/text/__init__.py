"""Where text comes from: files of many kinds, the embedded corpus, and what is left out as seen before."""
