def glue(words, between, times):
    return between.join(words * times).strip()
