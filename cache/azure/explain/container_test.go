package explain

import "testing"

// In commands, which people paste, the account's place contains nothing else.
func TestCommandsContainNothingElse(t *testing.T) {
	for _, endpoint := range []string{
		"https://$(touch+x).blob.core.windows.net", "https://`touch`.blob.core.windows.net", "https://127.0.0.1:10000/$(touch%20x)",
		"https://127.0.0.1:10000/-rf", "https://127.0.0.1:10000/a;b", "https://127.0.0.1:10000/%C2%9B31m",
	} {
		if got := (&Container{URL: endpoint + "/results"}).account(); got != "ACCOUNT" {
			t.Errorf("%s: got %q, want ACCOUNT", endpoint, got)
		}
	}
}
