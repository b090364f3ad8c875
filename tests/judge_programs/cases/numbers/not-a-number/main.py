print('pi nan nan')
