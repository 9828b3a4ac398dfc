"""Tell every certificate and CA of the estate: where it is, when it ends, which names it lacks, who trusts it.

values      what an inventory says; its JSON is these
gather      visit every box, several at once, and put an inventory together
picture     draw one: boxes, who presents what to whom, what ends when
"""
