package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/suggest"
)

// rawConfig is the azure block as written, without white space around values. An empty
// string means unset.
type rawConfig struct {
	container, accountName, endpoint, prefix string
	credential, cloud                        string
	localMode, ciMode                        string
	connect, firstByte, stall, drain         string // keys of timeouts
	trust                                    TrustSettings
	maxArtifactSize                          cache.Size // 0 means unset
	include, exclude                         []string
	cacheFailures, backfill, jobSummary      bool
	records, verify                          string
}

// fieldReader reads the value at a path of the block.
type fieldReader func(path string, value any, wrong *problems)

// fields maps each key of the block to its reader.
func (b *rawConfig) fields() map[string]fieldReader {
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
		"backfill":    boolField(&b.backfill),
		recordsKey:    stringField(&b.records),
		jobSummaryKey: boolField(&b.jobSummary),
		verifyKey:     percentField(&b.verify),
		maxSizeKey:    b.readMaxSize,
		timeoutsKey:   b.readTimeouts,
		trustKey: func(_ string, value any, wrong *problems) {
			b.trust = readTrust(value, wrong)
		},
	}
}

// The keys whose values are not strings.
const (
	timeoutsKey = "timeouts"
	maxSizeKey  = "maxArtifactSize"
	failuresKey = "cacheFailures"
)

func (b *rawConfig) readTimeouts(path string, value any, wrong *problems) {
	switch object := value.(type) {
	case nil: // null means unset
	case map[string]any:
		readKeys(object, path+".", map[string]fieldReader{
			"connect":   stringField(&b.connect),
			"firstByte": stringField(&b.firstByte),
			"stall":     stringField(&b.stall),
			"drain":     stringField(&b.drain),
		}, wrong)
	default:
		wrong.add(InKey(path), wrongType(value, `must be an object, such as { "drain": "60s" }`))
	}
}

// readMaxSize reads a size, or a number of bytes.
func (b *rawConfig) readMaxSize(path string, value any, wrong *problems) {
	seen, ok := "", false
	switch value := value.(type) {
	case string:
		text := strings.TrimSpace(value)
		if text == "" {
			return
		}
		seen = Shown(text)
		b.maxArtifactSize, ok = cache.ParseSize(text)
	case float64:
		seen = strconv.FormatFloat(value, 'g', -1, 64)
		b.maxArtifactSize, ok = cache.SizeOf(value), value >= 1 && value == math.Trunc(value)
	default:
		seen = "neither a string nor a number"
	}
	if !ok {
		wrong.add(InKey(path), notAllowed(seen, `is %s; allowed are sizes such as "500MB" and "1.5GiB", with one of B, KB, MB, GB, KiB, MiB and GiB, and numbers of bytes`))
	}
}

// readBlock reads the block. It checks types, but not whether the values are allowed.
func readBlock(config json.RawMessage, wrong *problems) (b rawConfig) {
	b.jobSummary = true
	if len(config) == 0 || bytes.Equal(config, []byte("null")) {
		wrong.add(inBlock, missing("is missing: add it with container and accountName, "+
			"or run `nx g @nx/powerpack-azure-cache:init`"))
		return b
	}
	var keys map[string]any
	if json.Unmarshal(config, &keys) != nil {
		var value any
		_ = json.Unmarshal(config, &value)                        // invalid JSON is not an object either
		wrong.add(inBlock, wrongType(value, "must be an object")) // not repeated: it may be a secret
		return b
	}
	readKeys(keys, "", b.fields(), wrong)
	return b
}

// readKeys reads an object at a path of the block. An unknown key is only a warning: a
// newer version may know it, and the build must go on.
func readKeys(object map[string]any, path string, known map[string]fieldReader, wrong *problems) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if read := known[key]; read != nil {
			read(path+key, object[key], wrong)
		} else {
			wrong.warn(unknownKey(path+key, suggest.Key(key, slices.Sorted(maps.Keys(known)))))
		}
	}
}

func unknownKey(key, suggestion string) Problem {
	return Problem{
		Key: AzureKey, Kind: KindUnknown, Seen: Shown(key), Fix: suggestion,
		Diagnostic: diagnostic.SettingUnknown,
		Message:    fmt.Sprintf("%s has an unknown key %s, which is ignored; %s", inBlock, Shown(key), suggestion),
	}
}

// stringField reads a string.
func stringField(field *string) fieldReader {
	return func(path string, value any, wrong *problems) {
		text, isText := value.(string)
		switch {
		case !isText:
			wrong.add(InKey(path), wrongType(value, "must be a string"))
		case strings.ContainsAny(text, secretChars):
			wrong.add(InKey(path), misplacedSecret(text))
		default:
			*field = strings.TrimSpace(text)
		}
	}
}

// boolField reads true or false, but no string such as "true".
func boolField(field *bool) fieldReader {
	return func(path string, value any, wrong *problems) {
		isTrue, isBoolean := value.(bool)
		if !isBoolean {
			wrong.add(InKey(path), wrongType(value, "must be true or false, without quotes"))
		}
		*field = isTrue
	}
}

// stringsField reads an array of strings, without empty ones.
func stringsField(field *[]string) fieldReader {
	return func(path string, value any, wrong *problems) {
		if value == nil { // null means unset
			return
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
			wrong.add(InKey(path), wrongType(value, "must be an array of strings"))
		}
	}
}

// The places of problems in nx.json: the block itself, and its keys.
const (
	inBlock  = `"azure" in nx.json`
	inNxJSON = " in nx.json"
)

// InKey is the place of a key of the block.
func InKey(key string) string { return AzureKey + "." + key + inNxJSON }

// secretChars are characters of keys, client secrets, connection strings, SAS tokens and
// passwords in URLs. No valid setting contains them.
const secretChars = "=;?&~@%+"

// misplacedSecret is the error for a value that contains one of secretChars.
func misplacedSecret(text string) error {
	sentence := fmt.Sprintf("is %s and contains one of %s, which no setting may contain; a connection string belongs in %s, a SAS URL in %s",
		Shown(text), secretChars, ConnectionVariable, SASVariable)
	_, fix, _ := strings.Cut(sentence, "which no setting may contain; ")
	return &ruleError{kind: KindInvalid, code: diagnostic.SecretInNxJSON, seen: Shown(text), fix: fix, text: sentence}
}

// Shown quotes an invalid value, unless it may be a secret in the wrong place.
func Shown(value string) string {
	if len(value) > 63 || strings.ContainsAny(value, secretChars) {
		return fmt.Sprintf("a string of %d characters", len(value))
	}
	return strconv.Quote(value)
}
