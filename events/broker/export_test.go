package broker

// Installation returns the id that the store carries.
func (b *Broker) Installation() string { return b.installation }

// Missing says which acknowledged messages the store had lost when it was opened,
// a sentence for each stream; nil when none are known to be missing.
func (b *Broker) Missing() []string { return b.missing }
