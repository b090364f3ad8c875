package main

import "strings"

func glue(words []string, between string, times int64) string {
	var all []string
	for i := int64(0); i < times; i++ {
		all = append(all, words...)
	}
	return strings.Join(all, between)
}
