print('no end'
