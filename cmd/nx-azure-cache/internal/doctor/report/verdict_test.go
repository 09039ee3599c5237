package report

import (
	"strings"
	"testing"
)

// If the storage responds to no check of security, that decides the exit code in CI only.
func TestDoctorUntriedSecurity(t *testing.T) {
	r := Report{IsWhole: true, Checks: []Check{{Part: Rights, Status: OK}, {Part: Security, Status: Unknown}}}
	for isCI, want := range map[bool]int{false: 0, true: ExitUntried} {
		tried := r
		tried.Conclude(isCI)
		if tried.ExitCode != want || tried.security.Status != Unknown || tried.security.Seen != "1 check could not be tried" {
			t.Errorf("in CI %v: got %+v, want the exit code %d", isCI, tried, want)
		}
	}
	r.Checks[0].Status = Unknown
	r.Conclude(false)
	if got := r.verdict(func(Check) string { return "" }); r.ExitCode != ExitUntried || !strings.HasPrefix(got, "It is unknown whether the remote cache works here: ") {
		t.Errorf("got %q and %d", got, r.ExitCode)
	}
}
