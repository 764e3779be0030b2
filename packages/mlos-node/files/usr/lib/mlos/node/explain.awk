# Settings of a role's file with the comments before them, which say why: indented, names first.
/^#/ {
    sub(/^# ?/, "")
    why = why (why == "" ? "" : "\n      ") $0
    next
}
/^[ \t]*$/ {
    why = ""
    told = 0
    next
}
{
    print "    " $0
    if (why != "")
        print "      " why
    why = ""
}
