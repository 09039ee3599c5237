package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

var jsonBlock = regexp.MustCompile("(?ms)^```json\n(.*?)^```$")

// The examples of nx.json in the documents are valid.
func TestExamplesInDocs(t *testing.T) {
	for _, page := range []string{"README.md", "docs/configuration.md", "docs/setup.md", "docs/sign-in.md", "docs/networks.md", "docs/security/scopes.md", "docs/security/setup.md", "docs/azure/README.md"} {
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

// checkExample checks a block "azure" that omits settings from elsewhere on its page, and
// truncates keys.
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

// commandAndOutput matches a command in a page with its output.
var commandAndOutput = regexp.MustCompile("(?s)```sh\nnpx nx-azure-cache ([^`]*?)\n```\n\n```text\n(.*?)```")

// The commands in docs/incident.md print what the page shows. The test has an overwritten
// entry of main, an unchanged one and a planted one.
func TestExamplesInIncident(t *testing.T) {
	page, err := os.ReadFile("../../docs/incident.md")
	if err != nil {
		t.Fatal(err)
	}
	s := newTestInventory(t)
	fromMain := trust.Provenance{
		Repository: "acme/shop", Ref: "refs/heads/main", Commit: "0123456789abcdef0123456789abcdef01234567",
		Run: "https://github.com/acme/shop/actions/runs/1001", Task: "shop:build",
	}
	fromAttacker := fromMain
	fromAttacker.Commit = ""
	attack := testenv.At("2026-11-22T23:01:11Z")
	s.put(stored{scope: "trusted", hash: "1111", key: "good", body: strings.Repeat("x", 321), modified: attack, from: fromMain})
	s.put(stored{scope: "trusted", hash: "2222", key: "good", body: strings.Repeat("x", 321), modified: testenv.At("2026-11-22T22:59:22Z"), from: fromMain})
	s.put(stored{scope: "trusted", hash: "7777", body: strings.Repeat("x", 340), modified: attack, from: fromAttacker})
	overwritten, _ := s.service.Blob(inventoryContainer, "team/v1/trusted/1111")
	overwritten.Body = []byte("altered")
	s.putBlob(inventoryContainer, "team/v1/trusted/1111", overwritten)

	examples := commandAndOutput.FindAllStringSubmatch(string(page), -1)
	if len(examples) != 3 {
		t.Fatalf("the page has %d commands with an output, want 3", len(examples))
	}
	for _, example := range examples {
		command := strings.Replace(example[1], "--after 2h", "--after 2026-11-22", 1) // the test's entries are older
		stdout, stderr, err := s.run(strings.Fields(command)...)
		got := stdout + stderr
		if err != nil {
			got += fmt.Sprintf("nx-azure-cache: %v\n", err)
		}
		if got, want := withoutNames(got), withoutNames(example[2]); got != want {
			t.Errorf("%s: got\n%s\nthe page shows\n%s", command, got, want)
		}
	}
}

// withoutNames replaces names that differ from run to run, or that the page abbreviates.
func withoutNames(text string) string {
	for pattern, name := range map[string]string{
		`http://127\.0\.0\.1:\d+/devstoreaccount1/\w+/\w+`: "URL",
		`"0x\w+"`:                         "ETAG",
		`\b[0-9a-f]{64}\b|\b[0-9a-f]{8}…`: "SHA256",
		`:[0-9a-f]{16}\b`:                 ":KEY",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, name)
	}
	return text
}
