package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// trustKey is the key of an object in the azure block.
const trustKey = "trust"

// The values of azure.trust.isolation.
const (
	isolateBranches = "branch"
	isolateNothing  = "none"
)

var isolations = []string{isolateBranches, isolateNothing}

// TrustSettings are the object azure.trust.
type TrustSettings struct {
	Shared   bool     // all runs share one scope
	branches []string // patterns; nil means the branches that defaultBase implies
	// Repositories are the trusted ones; nil trusts all that are not known to be forks.
	Repositories []string
	Keys         []trust.PublicKey
	Verifier     *trust.Verifier       // nil: no signatures are required
	containers   map[trust.Kind]string // for scopes outside azure.container
}

// readTrust reads azure.trust.
func readTrust(value any, wrong *problems) (t TrustSettings) {
	block, isObject := value.(map[string]any)
	switch {
	case value == nil: // or null: not set
		return t
	case !isObject:
		wrong.add(InKey(trustKey), wrongType(value, `must be an object, such as { "branches": ["main"] }`))
		return t
	}
	r := trustReader{block, wrong}
	known := make(map[string]fieldReader)
	for _, key := range trustKeys {
		known[key] = ignore
	}
	readKeys(block, trustKey+".", known, wrong)
	t.Shared = r.isolation() == isolateNothing
	t.branches = r.names("branches", trust.CheckBranch)
	t.Repositories = r.names("repositories", trust.CheckRepository)
	t.containers = r.containers()
	r.keys(&t)
	if t.Shared && t.Verifier != nil {
		wrong.add(InKey("trust.publicKeys"), fmt.Errorf(`has no effect where azure.trust.isolation is "%s": only the trusted scope is signed; remove one of them`, isolateNothing))
	}
	if t.Shared && len(t.branches)+len(t.Repositories)+len(t.containers) > 0 {
		wrong.warn(Problem{
			Key: AzureKey + "." + trustKey, Kind: KindIgnored, Diagnostic: diagnostic.SettingInvalid,
			Message: fmt.Sprintf(`azure.trust.branches, azure.trust.repositories and azure.trust.containers in nx.json have no effect where azure.trust.isolation is "%s"`, isolateNothing),
		})
	}
	return t
}

var trustKeys = []string{"branches", "containers", "isolation", "publicKeys", "repositories", "revokedKeys"}

// ignore reads nothing. trustReader reads the keys itself, because they depend on each
// other.
func ignore(string, any, *problems) {}

// trustReader reads the keys of azure.trust. An invalid value counts as unset.
type trustReader struct {
	block map[string]any
	wrong *problems
}

func (r trustReader) problem(key, format string, args ...any) {
	r.wrong.add(InKey(trustKey+"."+key), fmt.Errorf(format, args...))
}

func (r trustReader) isolation() string {
	switch value := r.block["isolation"].(type) {
	case nil:
	case string:
		switch text := strings.TrimSpace(value); text {
		case "":
		case isolateBranches, isolateNothing:
			return text
		default:
			r.problem("isolation", "%w", notOneOf(text, isolations))
		}
	default:
		r.problem("isolation", "%w", wrongType(value, "must be a string"))
	}
	return isolateBranches
}

// stringList reads an array of strings; nil means unset.
func (r trustReader) stringList(key string) (list []string) {
	value := r.block[key]
	if value == nil {
		return nil
	}
	items, isArray := value.([]any)
	list = make([]string, 0, len(items))
	for _, item := range items {
		text, isText := item.(string)
		isArray = isArray && isText
		list = append(list, strings.TrimSpace(text))
	}
	if !isArray {
		r.problem(key, "%w", wrongType(value, "must be an array of strings"))
		return nil
	}
	return list
}

// names reads an array of names that must pass a check.
func (r trustReader) names(key string, check func(string) error) []string {
	list := r.stringList(key)
	for i, name := range list {
		if err := check(name); err != nil {
			r.problem(key, "has %s at %d; %w", Shown(name), i+1, err)
			return nil
		}
	}
	return list
}

func (r trustReader) keys(t *TrustSettings) {
	for i, text := range r.stringList("publicKeys") {
		key, err := trust.ParsePublicKey(text)
		if err != nil {
			r.problem("publicKeys", "has an unusable key at %d: %w", i+1, err)
			return
		}
		t.Keys = append(t.Keys, key)
	}
	revoked := r.stringList("revokedKeys")
	verifier, err := trust.NewVerifier(t.Keys, revoked)
	switch {
	case err != nil:
		r.problem("revokedKeys", "cannot be used: %w", err)
	case len(t.Keys) > 0:
		t.Verifier = verifier
	case len(revoked) > 0:
		// Someone who has revoked their only key does not want every entry to be trusted
		// now.
		r.problem("publicKeys", "is missing beside azure.trust.revokedKeys: without a key, every entry would be trusted; add the new key, or remove both")
	}
}

func (r trustReader) containers() map[trust.Kind]string {
	value := r.block["containers"]
	block, isObject := value.(map[string]any)
	if value != nil && !isObject {
		r.problem("containers", "%w", wrongType(value, `must be an object, such as { "trusted": "nxcache-trusted" }`))
	}
	if len(block) == 0 {
		return nil
	}
	containers := make(map[trust.Kind]string)
	for _, kind := range slices.Sorted(maps.Keys(block)) {
		name, isText := block[kind].(string)
		switch {
		case !trust.IsKind(kind):
			r.problem("containers", "has an unknown scope, which %w", notOneOf(kind, trust.Kinds()))
		case !isText:
			r.problem("containers", "must have a string at %s", kind)
		default:
			if err := checkValue(strings.TrimSpace(name), endpoint.CheckContainer); err != nil {
				r.problem("containers", "has an invalid name at %s, which %w", kind, err)
			}
			containers[trust.Kind(kind)] = strings.TrimSpace(name)
		}
	}
	return containers
}

// ContainerOf returns the name of the container that holds a scope.
func (s Settings) ContainerOf(scope trust.Scope) string {
	if name := s.Trust.containers[scope.Kind()]; name != "" {
		return name
	}
	return s.Container
}
