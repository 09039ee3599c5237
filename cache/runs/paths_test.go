package runs_test

import "testing"

// A record holds no path of the machine, which often has the name of a user.
func TestReasonsWithoutPaths(t *testing.T) {
	for reason, want := range map[string]string{
		"open /home/jane/shop/.nx/cache/1: permission denied":        "open (path): permission denied",
		"open /home/jane doe/my shop/1: permission denied":           "open (path): permission denied",
		`open C:\Users\Jane Doe\shop\.nx\cache: Access is denied.`:   "open (path): Access is denied.",
		`"/Users/jane/x" is a socket`:                                `"(path)" is a socket`,
		"rename /home/jane/a /home/jane/b: no space (ENOSPC)":        "rename (path): no space (ENOSPC)",
		`open \\server\jane\x: denied`:                               "open (path): denied",
		"~/work/x is not a folder":                                   "(path) is not a folder",
		"dist/a/b.sock is a socket":                                  "dist/a/b.sock is a socket",
		"https://acme.blob.core.windows.net/nxcache/x: 403 and/or 5": "https://acme.blob.core.windows.net/nxcache/x: 403 and/or 5",
		"it has 12 MB, more than azure.maxArtifactSize (10 MB)":      "it has 12 MB, more than azure.maxArtifactSize (10 MB)",
	} {
		r := sample()
		r.Tasks[3].Reason = reason
		if got := decode(t, encode(t, r)).Tasks[3].Reason; got != want {
			t.Errorf("%s: got %s, want %s", reason, got, want)
		}
	}
}
