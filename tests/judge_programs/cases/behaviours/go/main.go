package main

import "fmt"

func deep(n int) int {
	return 1 + deep(n+1)
}

func main() {
	var word string
	fmt.Scan(&word)
	switch word {
	case "answer":
		var a, b int
		fmt.Scan(&a, &b)
		fmt.Println(a + b)
	case "wrong":
		fmt.Println(41)
	case "loop":
		for {
		}
	case "memory":
		kept := [][]byte{}
		for {
			block := make([]byte, 1<<20)
			for i := range block {
				block[i] = 1
			}
			kept = append(kept, block)
		}
	case "crash":
		var nothing []int
		fmt.Println(nothing[len(word)])
	default:
		fmt.Println(deep(0))
	}
}
