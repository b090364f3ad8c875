def scale(values, factor, flip):
    print('a print disturbs nothing')
    scaled = [value * factor for value in values]
    return scaled[::-1] if flip else scaled
