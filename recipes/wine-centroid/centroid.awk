# Turn rows "13 measurements,class" into the share of wines that lie nearest to the mean of their own class.
#
# folds=N   every wine is judged once, by the means of the wines in the other N - 1 parts
# scale=    "true": measure each quantity in standard deviations of those other wines; "false": as it stands

{
    class[NR] = $NF
    # The wines of a class take turns, so each part holds its share of every class and nothing is left to chance.
    fold[NR] = 1 + seen[$NF]++ % folds
    for (j = 1; j < NF; j++) value[NR, j] = $j
    columns = NF - 1
}

function learn(held_out,    i, j, c, n, sum, squares, mean, spread) {
    split("", count)
    split("", centre)
    for (i = 1; i <= NR; i++)
        if (fold[i] != held_out) {
            count[class[i]]++
            for (j = 1; j <= columns; j++) centre[class[i], j] += value[i, j]
        }
    for (c in count)
        for (j = 1; j <= columns; j++) centre[c, j] /= count[c]

    for (j = 1; j <= columns; j++) {
        unit[j] = 1
        if (scale != "true") continue
        n = sum = squares = 0
        for (i = 1; i <= NR; i++) if (fold[i] != held_out) { n++; sum += value[i, j] }
        mean = sum / n
        for (i = 1; i <= NR; i++) if (fold[i] != held_out) squares += (value[i, j] - mean) ^ 2
        spread = sqrt(squares / n)
        if (spread > 0) unit[j] = spread
    }
}

function nearest(i,    j, c, distance, best, found) {
    best = -1
    for (c in count) {
        distance = 0
        for (j = 1; j <= columns; j++) distance += ((value[i, j] - centre[c, j]) / unit[j]) ^ 2
        # Equally far: the smaller class wins, whatever order this awk walks its arrays in.
        if (best < 0 || distance < best || (distance == best && c < found)) { best = distance; found = c }
    }
    return found
}

END {
    if (NR < folds || folds < 2) {
        print "centroid.awk: " NR " rows cannot be cut into " folds " parts" | "cat 1>&2"
        exit 1
    }
    for (f = 1; f <= folds; f++) {
        learn(f)
        asked = right = 0
        for (i = 1; i <= NR; i++)
            if (fold[i] == f) { asked++; right += nearest(i) == class[i] }
        printf "fold %d: %d of %d right, accuracy %.4f\n", f, right, asked, right / asked
        all_right += right
    }
    printf "all folds: %d of %d right, accuracy %.4f\n", all_right, NR, all_right / NR
}
