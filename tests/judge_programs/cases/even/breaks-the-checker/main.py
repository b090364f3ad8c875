print('many')
