print('a b  \r')
print('c\n\n')
