package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

var jsonBlock = regexp.MustCompile("(?ms)^```json\n(.*?)^```$")

// What the documents tell people to write into nx.json is understood, key by key.
func TestExamplesInDocs(t *testing.T) {
	for _, page := range []string{"README.md", "docs/configuration.md", "docs/setup.md", "docs/security.md", "docs/azure/README.md"} {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("..", "..", page))
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for _, match := range jsonBlock.FindAllSubmatch(text, -1) {
				var nxJSON struct{ Azure map[string]any }
				if err := json.Unmarshal(match[1], &nxJSON); err != nil {
					t.Errorf("%v in\n%s", err, match[1])
				}
				if nxJSON.Azure != nil {
					found++
					checkExample(t, nxJSON.Azure)
				}
			}
			if found == 0 {
				t.Error("has no example of nx.json")
			}
		})
	}
}

// checkExample checks a block "azure" that leaves out what is elsewhere on its
// page, and all but the beginning of keys.
func checkExample(t *testing.T, example map[string]any) {
	block := map[string]any{"container": "nxcache", "accountName": "mycompanycache"}
	maps.Copy(block, example)
	text, err := json.Marshal(block)
	if err != nil {
		t.Fatal(err)
	}
	const key = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
	text = []byte(strings.ReplaceAll(string(text), "MCowBQYDK2VwAyEA…", key))
	_, warnings, err := config.ReadSettings(text, false, func(string) string { return "" })
	if err != nil || len(warnings) > 0 {
		t.Errorf("%s: %v %v", text, err, warnings)
	}
}
