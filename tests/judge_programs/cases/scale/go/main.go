package main

import "fmt"

func scale(values []float64, factor int, flip bool) []float64 {
	fmt.Println("a print disturbs nothing")
	scaled := make([]float64, len(values))
	for i, value := range values {
		place := i
		if flip {
			place = len(values) - 1 - i
		}
		scaled[place] = value * float64(factor)
	}
	return scaled
}
