package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// rawConfig is the block "azure" as it is written, white space around values
// aside. An empty string is a key that is not set.
type rawConfig struct {
	container, accountName, endpoint, prefix string
	credential, cloud                        string
	localMode, ciMode                        string
	connect, firstByte, stall, drain         string // of timeouts
	trust                                    trustSettings
	maxArtifactSize                          cache.Size // 0 is a key that is not set
	include, exclude                         []string
	cacheFailures                            bool
}

// fieldReader reads the value that stands at a path in the block.
type fieldReader func(path string, value any, wrong problems) (warnings []string)

// keys are all keys of the block.
func (b *rawConfig) keys() map[string]fieldReader {
	return map[string]fieldReader{
		"container":   stringField(&b.container),
		"accountName": stringField(&b.accountName),
		"endpoint":    stringField(&b.endpoint),
		"prefix":      stringField(&b.prefix),
		"credential":  stringField(&b.credential),
		"cloud":       stringField(&b.cloud),
		"localMode":   stringField(&b.localMode),
		"ciMode":      stringField(&b.ciMode),
		"include":     stringsField(&b.include),
		"exclude":     stringsField(&b.exclude),
		failuresKey:   boolField(&b.cacheFailures),
		maxSizeKey:    b.readMaxSize,
		timeoutsKey:   b.readTimeouts,
		trustKey: func(_ string, value any, wrong problems) (warnings []string) {
			b.trust, warnings = readTrust(value, wrong)
			return warnings
		},
	}
}

// The keys of values that are no texts.
const (
	timeoutsKey = "timeouts"
	maxSizeKey  = "maxArtifactSize"
	failuresKey = "cacheFailures"
)

func (b *rawConfig) readTimeouts(path string, value any, wrong problems) (warnings []string) {
	switch object := value.(type) {
	case nil: // or null: not set
	case map[string]any:
		return readKeys(object, path+".", map[string]fieldReader{
			"connect":   stringField(&b.connect),
			"firstByte": stringField(&b.firstByte),
			"stall":     stringField(&b.stall),
			"drain":     stringField(&b.drain),
		}, wrong)
	default:
		wrong.add(InKey(path), errors.New(`must be an object, such as { "drain": "60s" }`))
	}
	return nil
}

// readMaxSize reads a size, or a number of bytes.
func (b *rawConfig) readMaxSize(path string, value any, wrong problems) []string {
	seen, ok := "", false
	switch value := value.(type) {
	case string:
		text := strings.TrimSpace(value)
		if text == "" {
			return nil
		}
		seen = Shown(text)
		b.maxArtifactSize, ok = cache.ParseSize(text)
	case float64:
		seen = strconv.FormatFloat(value, 'g', -1, 64)
		b.maxArtifactSize, ok = cache.SizeOf(value), value >= 1 && value == math.Trunc(value)
	default:
		seen = "neither a text nor a number"
	}
	if !ok {
		wrong.add(InKey(path), fmt.Errorf(`is %s; allowed are sizes such as "500MB" and "1.5GiB", with one of B, KB, MB, GB, KiB, MiB and GiB, and numbers of bytes`, seen))
	}
	return nil
}

// readBlock reads all that is written; what it may be is not looked at here.
func readBlock(config json.RawMessage, wrong problems) (b rawConfig, warnings []string) {
	if len(config) == 0 || bytes.Equal(config, []byte("null")) {
		wrong.add(inBlock, errors.New("is missing: add it with container and accountName, "+
			"or run `nx g @nx/powerpack-azure-cache:init`"))
		return b, nil
	}
	var keys map[string]any
	if json.Unmarshal(config, &keys) != nil {
		wrong.add(inBlock, errors.New("must be an object")) // not repeated: it may be a secret
		return b, nil
	}
	return b, readKeys(keys, "", b.keys(), wrong)
}

// readKeys reads an object that stands behind a path in the block. A key that is
// not known is no mistake: a newer version may know it, and the build goes on.
func readKeys(object map[string]any, path string, known map[string]fieldReader, wrong problems) (warnings []string) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if read := known[key]; read != nil {
			warnings = append(warnings, read(path+key, object[key], wrong)...)
		} else {
			warnings = append(warnings, unknownKey(path+key, suggest(key, slices.Sorted(maps.Keys(known)))))
		}
	}
	return warnings
}

func unknownKey(key, suggestion string) string {
	return fmt.Sprintf("%s has an unknown key %s, which is ignored; %s", inBlock, Shown(key), suggestion)
}

// stringField reads a string.
func stringField(field *string) fieldReader {
	return func(path string, value any, wrong problems) []string {
		text, isText := value.(string)
		switch {
		case !isText:
			wrong.add(InKey(path), errors.New("must be a string"))
		case strings.ContainsAny(text, secretChars):
			wrong.add(InKey(path), fmt.Errorf("is %s with one of %s in it, which no setting has; a connection string belongs in %s, a SAS URL in %s",
				Shown(text), secretChars, ConnectionVariable, SASVariable))
		default:
			*field = strings.TrimSpace(text)
		}
		return nil
	}
}

// boolField reads true or false, and nothing that is meant to be one of them.
func boolField(field *bool) fieldReader {
	return func(path string, value any, wrong problems) []string {
		isTrue, isBoolean := value.(bool)
		if !isBoolean {
			wrong.add(InKey(path), errors.New("must be true or false, without quotes"))
		}
		*field = isTrue
		return nil
	}
}

// stringsField reads an array of strings. Empty ones are not set.
func stringsField(field *[]string) fieldReader {
	return func(path string, value any, wrong problems) []string {
		if value == nil { // null: not set
			return nil
		}
		elements, isArray := value.([]any)
		*field = []string{}
		for _, element := range elements {
			text, isText := element.(string)
			isArray = isArray && isText
			if text = strings.TrimSpace(text); text != "" {
				*field = append(*field, text)
			}
		}
		if !isArray {
			wrong.add(InKey(path), errors.New("must be an array of strings"))
		}
		return nil
	}
}

// problems maps where a mistake was made to an error that completes the
// sentence. Only the first of each place counts.
type problems map[string]error

func (m problems) add(place string, err error) {
	if m[place] == nil && err != nil {
		m[place] = err
	}
}

func (m problems) join() error {
	var errs []error
	for _, place := range slices.Sorted(maps.Keys(m)) {
		errs = append(errs, fmt.Errorf("%s %w", place, m[place]))
	}
	return errors.Join(errs...)
}

// The places of mistakes in nx.json: the block itself, and its keys.
const inBlock = `"azure" in nx.json`

func InKey(key string) string { return "azure." + key + " in nx.json" }

// checkValue adds a wrong value to the rule that it breaks.
func checkValue(value string, check func(string) error) error {
	if err := check(value); err != nil {
		return fmt.Errorf("is %s; %w", Shown(value), err)
	}
	return nil
}

// secretChars are characters of keys, client secrets, connection strings and SAS
// that are in no correct setting.
const secretChars = "=;?&~"

// Shown quotes a wrong value, unless it may be a secret that somebody put into
// the wrong place.
func Shown(value string) string {
	if len(value) > 63 || strings.ContainsAny(value, secretChars) {
		return fmt.Sprintf("a text of %d characters", len(value))
	}
	return strconv.Quote(value)
}
