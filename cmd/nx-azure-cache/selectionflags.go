package main

import (
	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/entries"
)

// targetUse is the argument of commands that select entries.
const targetUse = "HASH | PROJECT:TARGET"

// taskHelp explains the names of tasks.
const taskHelp = `
shop:build means all entries of this target, whatever its configuration;
shop:build:production means one configuration. In "shop:*" and "*:build", "*" matches
any characters. An entry names its own task, and only a valid signature proves the
name. Anyone who can write entries can name them as they like, so that this filter
finds them, or does not. Entries of versions before this one have no name.`

// selectionHelp explains these flags.
const selectionHelp = `
Scopes are trusted, local, shared, pr-NUMBER and branch-NAME. In NAME, each byte
except letters, digits, "." and "-" is "_" and two hexadecimal digits: feature/login
is branch-feature_2Flogin. --scope also takes patterns: "*" matches any characters,
"?" matches one.

--task, --ref, --run and --signer match what an entry says about itself. Only a valid
signature (--signature valid) proves that. To find what an attacker wrote, use
--signature, --scope, --after and --before instead. nx-azure-cache ls --help
explains the states of signatures.

--after and --before match the time at which the storage last wrote the blob, by the
clock of the storage, and not the time that the entry claims. A time is
2026-11-22T18:30:00Z, 2026-11-22 (midnight UTC), or an age such as 90m, 12h, 30d or
2w: --before 30d matches entries older than 30 days.

--archived matches entries that a lifecycle rule has moved to the archive tier. They
count as misses, and while they are there their results cannot be stored again.`

// addSelectionFlags adds the flags of a filter.
func addSelectionFlags(command *cobra.Command, f *entries.Filter) {
	flags := command.Flags()
	flags.StringArrayVar(&f.Hashes, "hash", nil, "of this task hash; may be given several times")
	flags.StringArrayVar(&f.Tasks, "task", nil, `of this task, PROJECT:TARGET, or of all that a pattern such as "shop:*" matches; may be given several times`)
	flags.StringArrayVar(&f.Scopes, "scope", nil, `in this scope, or in all that a pattern such as "pr-*" matches; may be given several times`)
	flags.StringVar(&f.Ref, "ref", "", "stored by runs of this ref: refs/heads/main, or main")
	flags.StringVar(&f.Run, "run", "", "stored by this run of CI: its URL, or the number at the end of it")
	flags.StringVar(&f.Signer, "signer", "", "signed with this key, by its ID or public key; whether the signature is valid or not")
	flags.StringArrayVar(&f.Signatures, "signature", nil, "with a signature that is valid, invalid, unchecked or unsigned; may be given several times")
	flags.StringVar(&f.After, "after", "", "written at this time or later")
	flags.StringVar(&f.Before, "before", "", "written before this time")
	flags.BoolVar(&f.Archived, "archived", false, "in the storage's archive tier, where no run can read it")
	f.IsSet = flags.Changed
}
