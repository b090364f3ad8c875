print('1   2\n\n3')
print('4')
