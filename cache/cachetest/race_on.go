//go:build race

package cachetest

const hasRaceDetector = true
