package main

func total(rows [][]int) []int64 {
	sums := []int64{}
	for _, row := range rows {
		sum := int64(0)
		for _, one := range row {
			sum += int64(one)
		}
		sums = append(sums, sum)
	}
	return sums
}
