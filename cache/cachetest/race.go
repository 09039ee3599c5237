package cachetest

import "testing"

// SkipWithRace skips a test under the race detector, which would slow it down tenfold and find
// nothing: the test handles many bytes, or starts many processes, on one goroutine. `npm test`
// runs it without the detector.
func SkipWithRace(t *testing.T) {
	t.Helper()
	if hasRaceDetector {
		t.Skip("npm test runs this test without the race detector")
	}
}
