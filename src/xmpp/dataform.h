/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* dataform.h -- data forms (XEP-0004 §3) as far as we need them. */
#ifndef KS_DATAFORM_H
#define KS_DATAFORM_H

#include "xml.h"

/* The <x/> of type type_z ("submit", "form", "result") whose FORM_TYPE is form_type, inside parent; NULL if none. */
const struct ks_xml *ks_form_find(struct ks_arena *arena, const struct ks_xml *parent, const char *form_type);
/* The field named var; NULL if none. */
const struct ks_xml *ks_form_field(const struct ks_xml *form, const char *var);
/* Its first value; ptr NULL when the field is not there. */
struct ks_str ks_form_value(struct ks_arena *arena, const struct ks_xml *form, const char *var);
/* "1", "true", "0", "false" (XEP-0004 §3.3); false for anything else. */
bool ks_form_bool(struct ks_str value, bool *ret_value);

/* A new form with its FORM_TYPE; NULL without memory. */
struct ks_xml *ks_form_new(struct ks_arena *arena, const char *type_z, const char *form_type);
/* A field with one value; type_z may be NULL. */
struct ks_xml *ks_form_add(
    struct ks_arena *arena, struct ks_xml *form, const char *var, const char *type_z, struct ks_str value);
/* A field of type list-multi with a value for each word of text, which is copied; words have blanks between them. */
struct ks_xml *ks_form_add_words(struct ks_arena *arena, struct ks_xml *form, const char *var, struct ks_str text);

#endif
