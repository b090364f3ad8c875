print('a b c')
