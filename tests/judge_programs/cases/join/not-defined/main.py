def paste(words, between, times):
    return ''
