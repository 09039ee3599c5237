package diagnostic_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

func TestInnerCodeWins(t *testing.T) {
	plain := errors.New("plain")
	specific := diagnostic.With(diagnostic.DiskFull, plain)
	for name, test := range map[string]struct {
		err  error
		want diagnostic.Code
	}{
		"no error":                      {diagnostic.With(diagnostic.Bug, nil), ""},
		"no code":                       {plain, ""},
		"attached":                      {specific, diagnostic.DiskFull},
		"attached twice":                {diagnostic.With(diagnostic.FileSystemFailed, specific), diagnostic.DiskFull},
		"attached to one that wraps it": {diagnostic.With(diagnostic.FileSystemFailed, fmt.Errorf("store: %w", specific)), diagnostic.DiskFull},
		"the first of several":          {errors.Join(plain, specific, diagnostic.With(diagnostic.Bug, plain)), diagnostic.DiskFull},
	} {
		t.Run(name, func(t *testing.T) {
			got, has := diagnostic.CodeOf(test.err)
			if got != test.want || has != (test.want != "") {
				t.Errorf("got %q, %t, want %q", got, has, test.want)
			}
		})
	}
	if !errors.Is(specific, plain) || specific.Error() != "plain" {
		t.Errorf("got %q, want the error itself with its text", specific)
	}
}

func TestLine(t *testing.T) {
	const url = "https://github.com/nx-azure-cache/nx-azure-cache/blob/main/docs/troubleshooting.md#nxac012"
	for code, want := range map[diagnostic.Code]string{
		diagnostic.LicenseExpiresSoon: "text (NXAC012: " + url + ")",
		"":                            "text",
		"NXAC12":                      "text",
		"NXAC012) and more":           "text",
	} {
		if got := diagnostic.Line(code, "text"); got != want {
			t.Errorf("%q: got %q, want %q", code, got, want)
		}
	}
}
