//go:build unix

package archive_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// uploadsDir holds uncompressed archives. The fault suite (scripts/faults) puts them into
// the storage, to test what a run of Nx does with them.
const uploadsDir = "../../testdata/archives/uploads"

// uploadedHostiles are the names of [hostiles] in that folder.
var uploadedHostiles = []string{
	"a name that leaves",
	"a name that leaves far",
	"a name that leaves with backslashes",
	"an absolute name",
	"a file twice",
	"outputs that are a link",
	"a parent that is a link",
	"a parent that is a link to the outside",
	"a hard link to the outside",
	"a FIFO",
	"an absolute link",
	"a link that leaves from a folder",
	"a link that leaves by way of a later one",
	"metadata of another format",
	"no outputs",
}

// uploads returns the archives in uploadsDir by name.
func uploads(t *testing.T) map[string][]entry {
	t.Helper()
	all := map[string][]entry{
		// As a careless writer on Windows stores outputs in dist/words.
		"backslash": append(head(), folder(`outputs\`), folder(`outputs\dist\`), folder(`outputs\dist\words\`),
			folder(`outputs\dist\words\lib\`), file(`outputs\dist\words\lib\main.js`, "main\n"),
			link(`outputs\dist\words\link`, `lib\main.js`)),
		// The two low bytes of the exit code are zero (nx#36116).
		"code": {file("metadata.json", `{"format":1,"hash":"123","code":65536}`), head()[1], folder("outputs/")},
	}
	for _, name := range uploadedHostiles {
		for _, h := range hostiles() {
			if h.name == name {
				all["hostile-"+strings.ReplaceAll(name, " ", "-")] = h.entries
			}
		}
	}
	if len(all) != 2+len(uploadedHostiles) {
		t.Fatalf("there are %d archives, want %d: a name is not one of hostiles", len(all), 2+len(uploadedHostiles))
	}
	return all
}

func TestUploadedArchives(t *testing.T) {
	for name, entries := range uploads(t) {
		t.Run(name, func(t *testing.T) {
			path, want := filepath.Join(uploadsDir, name+".tar"), tarOf(t, entries)
			if *update {
				if err := os.WriteFile(path, want, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs from the archive that the test makes", path)
			}
			_, err = codec.Extract(bytes.NewReader(compress(t, got)), cachetest.TempDir(t), "outputs", archive.Limits{})
			if isHostile := strings.HasPrefix(name, "hostile-"); errors.Is(err, archive.ErrRefused) != isHostile {
				t.Errorf("got %v", err)
			}
		})
	}
}
