package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
)

// The variables that stand beside the block "azure" of nx.json and beat it.
const (
	connectionVariable = "AZURE_STORAGE_CONNECTION_STRING"
	modeVariable       = "NX_POWERPACK_CACHE_MODE"
)

// settings are the block "azure" of nx.json and the environment, put together.
type settings struct {
	mode             cache.Mode
	container        string
	accountName      string
	endpoint         string
	prefix           string
	connectionString azure.Secret
}

// block is the block "azure" as it is written. An empty string is a key that
// is not set.
type block struct {
	container, accountName, endpoint, prefix, localMode, ciMode string
}

func (b *block) fields() map[string]*string {
	return map[string]*string{
		"container":   &b.container,
		"accountName": &b.accountName,
		"endpoint":    &b.endpoint,
		"prefix":      &b.prefix,
		"localMode":   &b.localMode,
		"ciMode":      &b.ciMode,
	}
}

// readSettings is the one place where the environment meets nx.json. The error
// joins all mistakes; warnings are about what is ignored. Mistakes that only
// matter to a cache in use are not looked for when the mode is no-cache.
func readSettings(config json.RawMessage, ci bool, getenv func(string) string) (settings, []string, error) {
	b, warnings, err := readBlock(config)
	if err != nil {
		return settings{}, warnings, err
	}
	mode, err := chooseMode(b, ci, getenv)
	s := settings{
		mode:             mode,
		container:        b.container,
		accountName:      b.accountName,
		endpoint:         b.endpoint,
		prefix:           strings.Trim(b.prefix, "/"),
		connectionString: azure.Secret(strings.TrimSpace(getenv(connectionVariable))),
	}
	if s.mode == cache.NoCache {
		return s, nil, nil
	}
	return s, warnings, errors.Join(err, s.check())
}

func readBlock(config json.RawMessage) (block, []string, error) {
	var b block
	if len(config) == 0 || bytes.Equal(config, []byte("null")) {
		return b, nil, errors.New(`nx.json has no block "azure": add one with container and accountName, ` +
			"or run `nx g @nx/powerpack-azure-cache:init`")
	}
	var keys map[string]any
	if json.Unmarshal(config, &keys) != nil {
		return b, nil, errors.New(`"azure" in nx.json must be an object`) // not repeated: it may be a secret
	}
	var (
		warnings []string
		errs     []error
		fields   = b.fields()
	)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		field, known := fields[key]
		text, isText := keys[key].(string)
		switch {
		case !known:
			warnings = append(warnings, fmt.Sprintf("azure.%s in nx.json is not known and ignored; did you mean %s?", key, nearest(key, fields)))
		case !isText:
			errs = append(errs, fmt.Errorf("azure.%s in nx.json must be a string", key))
		default:
			*field = text
		}
	}
	return b, warnings, errors.Join(errs...)
}

// nearest returns the known key that is most like key.
func nearest(key string, fields map[string]*string) string {
	key = strings.ToLower(key)
	return slices.MinFunc(slices.Sorted(maps.Keys(fields)), func(a, b string) int {
		return cmp.Compare(
			levenshtein.ComputeDistance(key, strings.ToLower(a)),
			levenshtein.ComputeDistance(key, strings.ToLower(b)),
		)
	})
}

// chooseMode names the key or variable that holds an unknown mode: an unknown
// value once disabled a cache silently (nx#31144).
func chooseMode(b block, ci bool, getenv func(string) string) (cache.Mode, error) {
	name, text := "azure.localMode in nx.json", b.localMode
	if ci {
		name, text = "azure.ciMode in nx.json", b.ciMode
	}
	if override := getenv(modeVariable); override != "" {
		name, text = modeVariable, override
	}
	if text == "" {
		return cache.ReadWrite, nil
	}
	mode, err := cache.ParseMode(text)
	if err != nil {
		return "", fmt.Errorf("%s %w", name, err)
	}
	return mode, nil
}

// check returns every mistake at once.
func (s settings) check() error {
	var errs []error
	wrap := func(key string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("azure.%s in nx.json %w", key, err))
		}
	}
	if s.container == "" {
		errs = append(errs, errors.New("azure.container in nx.json is missing: name a container that exists"))
	} else {
		wrap("container", azure.CheckContainer(s.container))
	}
	if s.accountName != "" {
		wrap("accountName", azure.CheckAccountName(s.accountName))
	}
	if s.endpoint != "" {
		wrap("endpoint", azure.CheckEndpoint(s.endpoint))
	}
	if s.accountName == "" && s.endpoint == "" && s.connectionString == "" {
		errs = append(errs, fmt.Errorf("azure.accountName in nx.json is missing: name the storage account, or set %s", connectionVariable))
	}
	if !cache.ValidPrefix(s.prefix) {
		errs = append(errs, fmt.Errorf("azure.prefix in nx.json is %q; allowed are segments of letters, digits, \".\", \"_\" and \"-\" with \"/\" between them", s.prefix))
	}
	return errors.Join(errs...)
}
