//go:build !race

package main

// raceDetector multiplies the memory of what it watches: sizes mean nothing under it.
const raceDetector = false
