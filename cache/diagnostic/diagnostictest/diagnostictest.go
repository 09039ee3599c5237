// Package diagnostictest checks that a line has the code under which
// docs/troubleshooting.md explains it.
package diagnostictest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest/repository"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// CheckError checks the code of an error, which must have one.
func CheckError(t testing.TB, err error) {
	t.Helper()
	code, _ := diagnostic.CodeOf(err)
	Check(t, diagnostic.Message{Code: code, Text: err.Error()})
}

// Check checks that the section about the code of a message quotes its text.
func Check(t testing.TB, message diagnostic.Message) {
	t.Helper()
	text := strings.ReplaceAll(message.Text, "`", "")
	isOf := func(quote string) bool {
		parts := strings.Split(quote, "…")
		isConstant := func(part string) bool { return len(part) >= 12 } // others fit any line
		return slices.ContainsFunc(parts, isConstant) && !slices.ContainsFunc(parts, func(part string) bool {
			return !strings.Contains(text, strings.TrimSpace(part))
		})
	}
	if !slices.ContainsFunc(sections()[message.Code], isOf) {
		t.Errorf("the section about %q quotes nothing of %q", message.Code, message.Text)
	}
}

var (
	heading = regexp.MustCompile(`^### (NXAC\d{3})\n`)
	quoted  = regexp.MustCompile("``(.*?)``|`([^`]*)`")
)

// sections are the quotes in each section, by code.
var sections = sync.OnceValue(func() map[diagnostic.Code][]string {
	page, err := os.ReadFile(filepath.Join(repository.File("docs"), "troubleshooting.md"))
	if err != nil {
		panic(err)
	}
	quotes := make(map[diagnostic.Code][]string)
	for _, part := range regexp.MustCompile(`(?m)^##`).Split(string(page), -1) {
		found := heading.FindStringSubmatch("##" + part)
		if found == nil {
			continue
		}
		for _, quote := range quoted.FindAllStringSubmatch(strings.Join(strings.Fields(part), " "), -1) {
			code := diagnostic.Code(found[1])
			quotes[code] = append(quotes[code], quote[1]+quote[2])
		}
	}
	return quotes
})
