package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// How a finding is graded.
const (
	gradeOK   = "ok"
	gradeWarn = "warn"
	gradeFail = "fail"
)

// A finding is one thing that `gateway doctor` looked at.
type finding struct {
	Grade string `json:"grade"` // ok, warn or fail
	What  string `json:"what"`
	Found string `json:"found"`
	Hint  string `json:"hint,omitempty"` // what to do about it
}

// A doctor collects findings.
type doctor struct {
	path     string // of the configuration
	server   string // the gateway's console; "" = as configured
	findings []finding
}

// doctorLimit bounds one look at something that may not answer.
const doctorLimit = 15 * time.Second

func (d *doctor) ok(what, found string) { d.add(gradeOK, what, found, "") }

func (d *doctor) add(grade, what, found, hint string) {
	d.findings = append(d.findings, finding{grade, what, found, hint})
}

// judge adds a failure, or that all is well.
func (d *doctor) judge(what, found string, err error, hint string) bool {
	if err != nil {
		d.add(gradeFail, what, err.Error(), hint)
		return false
	}
	d.ok(what, found)
	return true
}

// newDoctorCommand returns `gateway doctor`.
func newDoctorCommand() *cobra.Command {
	var d doctor
	var asJSON bool
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Look at everything the gateway needs, and say what to do about what is not well",
		Long: "Reads the configuration as `gateway run` would, and looks at the store, the running gateway, each Qlik tenant (address, clock,\n" +
			"credentials, every app and space that a rule names) and the webhook at Qlik. Nothing is changed. Exit code 1 when something fails.",
		Example: "  gateway doctor --config gateway.yaml",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(command.Context())
			defer stop()
			d.examine(ctx)
			return d.print(command.OutOrStdout(), asJSON)
		},
	}
	command.Flags().StringVarP(&d.path, "config", "c", "gateway.yaml", "configuration file")
	command.Flags().StringVar(&d.server, "server", "", "address of the gateway's console; default: console.addr of the configuration")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}

// examine looks at one thing after the other, the nearest first.
func (d *doctor) examine(ctx context.Context) {
	cfg := d.examineConfig()
	if cfg == nil {
		return
	}
	d.examineStore(ctx, cfg)
	d.examineGateway(ctx, cfg)
	for _, name := range sorted(cfg.Tenants) {
		d.examineTenant(ctx, cfg, name)
	}
	d.examineWebhooks(ctx, cfg)
}

// print shows the findings; it fails when one of them does.
func (d *doctor) print(out io.Writer, asJSON bool) error {
	count := map[string]int{}
	for _, f := range d.findings {
		count[f.Grade]++
	}
	var err error
	if asJSON {
		err = printJSON(out, map[string]any{"ok": count[gradeFail] == 0, "findings": d.findings})
	} else {
		err = d.printTable(out, count)
	}
	if err == nil && count[gradeFail] > 0 {
		return exitCode(exitFailed)
	}
	return err
}

func (d *doctor) printTable(out io.Writer, count map[string]int) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range d.findings {
		row(table, f.Grade, f.What, f.Found)
		if f.Hint != "" {
			row(table, " ", " ", "-> "+f.Hint)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d ok, %d to look at, %d failed\n", count[gradeOK], count[gradeWarn], count[gradeFail])
	return err
}
