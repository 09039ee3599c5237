package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// Every task hash covers nx.json, but not a file that nx.json extends. A pull request can
// change such a file and keep the hashes of main. So the keys that decide the scope of a
// run count only in nx.json itself.

// The keys of nx.json that may come from a file that it extends. Nx takes each of them
// whole from one of the files.
const (
	AzureKey       = "azure"
	DefaultBaseKey = "defaultBase"
)

// WithoutExtended removes the keys that decide the scope from the azure block if that
// block comes from a file that nx.json extends. extended lists the keys of nx.json that
// come from such a file. Each removed key that would have had an effect gets a warning.
func WithoutExtended(config json.RawMessage, extended []string) (json.RawMessage, []diagnostic.Message) {
	var block map[string]any
	if !slices.Contains(extended, AzureKey) || json.Unmarshal(config, &block) != nil {
		return config, nil // readBlock reports what is wrong with it
	}
	trust, isObject := block[trustKey].(map[string]any)
	if !isObject {
		return config, nil
	}
	var warnings []diagnostic.Message
	for _, key := range []string{"branches", "repositories", "isolation"} {
		if hasEffect(trust[key]) {
			warnings = append(warnings, diagnostic.Messagef(diagnostic.ExtendedIgnored, "azure.%s.%s %s; move the whole azure block into nx.json itself", trustKey, key, isIgnored))
		}
		delete(trust, key)
	}
	return mustMarshal(block), warnings
}

const isIgnored = "is ignored because it comes from a file that nx.json extends, and task hashes do not cover that file"

// hasEffect reports whether a value of azure.trust.branches, repositories or isolation
// differs from the default.
func hasEffect(value any) bool {
	text, isText := value.(string)
	text = strings.TrimSpace(text)
	return value != nil && (!isText || text != "" && text != isolateBranches)
}

// DefaultBase is the key defaultBase of nx.json, or of a file that it extends.
type DefaultBase struct {
	name       string
	isExtended bool
}

func ReadDefaultBase(name string, extended []string) DefaultBase {
	return DefaultBase{name, slices.Contains(extended, DefaultBaseKey)}
}

// own returns the name in nx.json itself, or "".
func (d DefaultBase) own() string {
	if d.isExtended {
		return ""
	}
	return d.name
}

// ignored is the warning that the key does not decide which branches are trusted.
func (d DefaultBase) ignored() string {
	return fmt.Sprintf("for the trusted branches, %s %s; put it, or azure.trust.branches, into nx.json itself", DefaultBaseKey, isIgnored)
}
