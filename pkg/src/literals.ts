/** Literal types in what the functions of an app return. */

declare const nothing: unique symbol

type Data<Literal> = Literal | readonly Data<Literal>[] | { readonly [field: string]: Data<Literal> }

/**
 * No value is of this type. Beside the type of what a function returns it lets the compiler take the literals in there for what they are,
 * `'done'` and not `string`, while it still infers what the function is to return.
 */
export type KeepLiterals<Literal> = { readonly [field: string]: Data<Literal>; readonly [nothing]: never }
